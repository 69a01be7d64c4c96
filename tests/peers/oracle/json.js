// JSON with every integer exact, as midwire writes and reads it.

'use strict'

/// Any integer; it is not written. The lengths of what is packed are the packer's choice.
const ANY = {}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g

/// Parses JSON; integers beyond the exact range of a number become a BigInt.
function parse (text) {
  // No text of midwire's begins with this: it is a character of no language.
  const mark = '\u{10fffd}'
  let marked = false
  const prepared = text.replace(TOKEN, token => {
    if (token.length < 16 || token[0] === '"' || /[.eE]/.test(token)) return token
    if (Number.isSafeInteger(Number(token))) return token
    marked = true
    return `"${mark}${token}"`
  })
  if (!marked) return JSON.parse(text)
  return JSON.parse(prepared, (key, value) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value)
}

/// Writes JSON; keys without a value are left out, a BigInt is its digits.
function stringify (value) {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return '"NaN"'
    if (!Number.isFinite(value)) return value > 0 ? '"Infinity"' : '"-Infinity"'
    return Object.is(value, -0) ? '-0.0' : String(value)
  }
  if (value === undefined || value === null) return 'null'
  if (typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(stringify).join(',')}]`
  const entries = Object.entries(value).filter(([, v]) => v !== undefined && v !== ANY)
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${stringify(v)}`).join(',')}}`
}

/// Where two values differ, as `path: left | right`; undefined if they are equal. On the right a
/// secret may be masked: then only its length is known.
function difference (left, right, path = '') {
  if (left === undefined && right === undefined) return undefined
  if (left === ANY || right === ANY) return undefined
  if (typeof left === 'bigint' || typeof right === 'bigint') {
    const isInteger = v => typeof v === 'bigint' || Number.isInteger(v)
    if (isInteger(left) && isInteger(right) && BigInt(left) === BigInt(right)) return undefined
    return told(path, left, right)
  }
  if (Number.isInteger(right?.secret) && typeof left === 'string') {
    const isHex = left.length === 2 * right.secret && /^[0-9a-f]*$/.test(left)
    const lengths = [left.length, Buffer.byteLength(left)]
    return isHex || lengths.includes(right.secret) ? undefined : told(path, left, right)
  }
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') {
    return Object.is(left, right) ? undefined : told(path, left, right)
  }
  if (Array.isArray(left) !== Array.isArray(right)) return told(path, left, right)
  if (Array.isArray(left)) {
    if (left.length !== right.length) return told(`${path}.length`, left.length, right.length)
    for (let i = 0; i < left.length; i++) {
      const found = difference(left[i] ?? null, right[i] ?? null, `${path}[${i}]`)
      if (found) return found
    }
    return undefined
  }
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = difference(left[key], right[key], path === '' ? key : `${path}.${key}`)
    if (found) return found
  }
  return undefined
}

function told (path, left, right) {
  const short = value => {
    const text = value === undefined ? 'absent' : stringify(value)
    return text.length > 120 ? `${text.slice(0, 120)}…` : text
  }
  return `${path}: ${short(left)} | ${short(right)}`
}

module.exports = { ANY, parse, stringify, difference }
