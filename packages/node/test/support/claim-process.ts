/** Claims instances one after the other, says so after each, and kills itself in the middle. */
import { writeSync } from 'node:fs'
import { SqliteShareLedger } from '../../dist/storage/share-ledger.js'

const ledger = new SqliteShareLedger(process.argv[2]!)
for (let i = 0; ; i++) {
  ledger.claim({ session: 's', protocol: 'refresh', instance: `i${i}`, inputHash: `h${i}` })
  writeSync(1, `${i}\n`)
  if (i === 20) process.kill(process.pid, 'SIGKILL')
}
