'use strict'

const { spawn } = require('node:child_process')
const { within } = require('./wait')

/// A running `midwire proxy minecraft` in front of a server on this machine.
class Midwire {
  /// Resolves when midwire listens; its port is then in `port`.
  static async start (serverPort, more = []) {
    const args = ['proxy', 'minecraft', '--to', `127.0.0.1:${serverPort}`,
      '--listen', '127.0.0.1:0', '--json', '--all', ...more]
    const midwire = new Midwire(spawn(process.env.MIDWIRE, args))
    const ended = midwire.closed.then(code => {
      throw new Error(`midwire ended with ${code} before it listened\n${midwire.diagnostics}`)
    })
    ended.catch(() => {}) // Of interest only until it listens.
    const listening = Promise.race([midwire.listening, ended])
    await within("line 'listening on ADDRESS' from midwire", listening)
    return midwire
  }

  constructor (child) {
    this.child = child
    this.output = ''
    this.diagnostics = ''
    child.stdin.end()
    child.stdout.setEncoding('utf8').on('data', text => { this.output += text })
    child.stderr.setEncoding('utf8')
    this.listening = new Promise((resolve, reject) => {
      child.stderr.on('data', text => {
        this.diagnostics += text
        const found = /listening on \S+:(\d+)\s*\n/.exec(this.diagnostics)
        if (!found) return
        this.port = Number(found[1])
        resolve()
      })
      child.on('error', reject)
    })
    this.closed = new Promise(resolve => {
      child.on('close', (code, signal) => resolve(signal ?? code))
    })
    process.on('exit', () => child.kill('SIGKILL'))
  }

  /// Waits until the log has a line that satisfies `wanted`, and gives that.
  async line (what, wanted) {
    let read = 0
    const look = () => {
      const end = this.output.lastIndexOf('\n') + 1
      const lines = this.output.slice(read, end).split('\n').filter(line => line !== '')
      read = end
      return lines.map(line => JSON.parse(line)).find(wanted)
    }
    return within(what, new Promise(resolve => {
      const check = () => {
        const found = look()
        if (!found) return
        this.child.stdout.removeListener('data', check)
        resolve(found)
      }
      this.child.stdout.on('data', check)
      check()
    }))
  }

  /// Ends midwire as ctrl-c does, and gives its JSON log, an object a line.
  async stop () {
    this.child.kill('SIGINT')
    const code = await within('end of midwire after ctrl-c', this.closed)
    if (code !== 0) throw new Error(`midwire ended with ${code}\n${this.diagnostics}`)
    return this.output.split('\n').filter(line => line !== '').map(line => JSON.parse(line))
  }
}

module.exports = { Midwire }
