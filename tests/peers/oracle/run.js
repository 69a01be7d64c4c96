// Each packet of each version of Minecraft against an independent codec.
//
//   MIDWIRE=path/to/midwire node run.js [VERSION...]

'use strict'

const oracle = require('./oracle')
const { versions } = require('./protocol')
const { Tally } = require('./tally')

async function main (wanted) {
  const tally = new Tally()
  const row = (...cells) => cells.map((cell, i) => String(cell)[i ? 'padStart' : 'padEnd'](11)).join(' ')
  console.log(row('version', 'packets', 'instances', 'excepted', 'failed'))
  const sum = { packets: 0, instances: 0, excepted: 0, failed: 0 }
  for (const version of wanted.length > 0 ? wanted : versions()) {
    const counts = await oracle.check(version, tally)
    for (const key of Object.keys(sum)) sum[key] += counts[key]
    console.log(row(version, counts.packets, counts.instances, counts.excepted, counts.failed))
  }
  console.log(row('all', sum.packets, sum.instances, sum.excepted, sum.failed))
  return tally.end()
}

main(process.argv.slice(2)).then(code => { process.exitCode = code })
