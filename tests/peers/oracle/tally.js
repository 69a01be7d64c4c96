'use strict'

// What is shown of many failures.
const SHOWN_MAX = 40

/// Counts what passed and what failed; of failures alike, the first is shown.
class Tally {
  constructor () {
    this.passed = 0
    this.failed = 0
    this.alike = new Map()
    this.excepted = []
  }

  add (what, problem) {
    if (problem === undefined) {
      this.passed++
      return
    }
    this.failed++
    const key = problem.replace(/\d+/g, '0').replace(/:.*/s, '') + what.replace(/^[^/]*|\d+/g, '')
    const found = this.alike.get(key)
    if (found) found.count++
    else this.alike.set(key, { what, problem, count: 1 })
  }

  /// A failure that is the oracle's, as listed. One that does not happen is listed for nothing.
  except (what, fault, problem) {
    if (problem === undefined) this.add(what, `the listed fault does not show: ${fault.what}`)
    else this.excepted.push({ what, fault, problem })
  }

  /// Prints the failures and the sum; the exit code.
  end () {
    const all = [...this.alike.values()]
    for (const { what, problem, count } of all.slice(0, SHOWN_MAX)) {
      console.log(`FAILED ${what}: ${problem}${count > 1 ? ` (and ${count - 1} alike)` : ''}`)
    }
    if (all.length > SHOWN_MAX) console.log(`and ${all.length - SHOWN_MAX} other failures`)
    console.log(`${this.passed} passed, ${this.failed} failed`)
    return this.failed === 0 && this.passed > 0 ? 0 : 1
  }
}

module.exports = { Tally }
