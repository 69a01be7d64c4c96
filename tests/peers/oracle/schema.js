// Walking a ProtoDef type beside a value of it: names in scope, and the paths that switches compare.

'use strict'

/// The fields of a container that have been seen, and those of the containers around it.
class Scope {
  constructor (outer, args = outer?.args ?? {}) {
    this.outer = outer
    this.args = args
    this.fields = {}
  }

  /// The value of `a`, `../a/b` or `$argument`. A name that is not in the container meant is looked
  /// up further out, as the compiled JavaScript does.
  find (path) {
    if (path.startsWith('$')) return this.args[path.slice(1)]
    const parts = path.split('/')
    let scope = this
    while (parts[0] === '..') {
      parts.shift()
      scope = scope.outer
    }
    while (scope && !(parts[0] in scope.fields)) scope = scope.outer
    if (!scope) throw new Error(`${path} is not in scope`)
    return parts.reduce((value, part) => value?.[part], scope.fields)
  }
}

/// The type of the arm that a switch takes.
function arm (options, scope) {
  const value = options.compareTo !== undefined
    ? scope.find(options.compareTo)
    : options.compareToValue
  const found = options.fields[String(value)]
  if (found !== undefined) return found

  return options.default ?? 'void'
}

/// The scope inside a named type, which sees its arguments and nothing else.
function inside (argumentsOf, scope) {
  const args = {}
  for (const [name, path] of Object.entries(argumentsOf ?? {})) args[name] = scope.find(path)
  return new Scope(undefined, args)
}

module.exports = { Scope, arm, inside }
