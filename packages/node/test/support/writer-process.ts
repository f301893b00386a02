/** Replaces a file over and over, each time with 300,000 equal bytes, until killed. */
import { writeAtomically } from '../../dist/storage/atomic-file.js'

const path = process.argv[2]!
await writeAtomically(path, new Uint8Array(300_000))
process.stdout.write('ready\n')
for (let i = 1; ; i++) await writeAtomically(path, new Uint8Array(300_000).fill(i))
