/** `npm run soak -- --queries N --json FILE`. */
import { countedService } from './command.js'
import { failuresOfMemory } from './report.js'

await countedService({
  name: 'soak',
  description:
    'Asks one query after the other, as many as asked, of a service that nobody disturbs: memory and latency must stay what they are.',
  unit: 'queries',
  count: 2000,
  overrides: queries => ({ queries, killsEvery: 0 }),
  failures: failuresOfMemory
})
