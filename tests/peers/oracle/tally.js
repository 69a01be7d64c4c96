'use strict'

// What is shown of many failures.
const SHOWN_MAX = 40

/// Counts what passed and what failed; of failures alike, the first is shown.
class Tally {
  constructor () {
    this.passed = 0
    this.failed = 0
    this.alike = new Map()
    this.faults = new Map()
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

  /// A fault of the oracle, as listed, and how it shows in a packet, if it does.
  except (what, fault, shown) {
    const found = this.faults.get(fault) ?? { packets: 0 }
    if (shown !== undefined) found.packets++
    if (shown !== undefined && found.shown === undefined) Object.assign(found, { what, shown })
    this.faults.set(fault, found)
  }

  /// Prints the failures and the sum; the exit code.
  end () {
    for (const [fault, { what, shown, packets }] of this.faults) {
      if (packets === 0) this.add(fault.what, 'a fault of the oracle is listed, but does not show')
      else console.log(`fault of the oracle, ${packets} times: ${fault.what}\n  ${what}: ${shown}`)
    }
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
