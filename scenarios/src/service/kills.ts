/** `npm run kills -- --kills N --json FILE`. */
import { countedService } from './command.js'

await countedService({
  name: 'kills',
  description:
    'Kills random parties of a service at random instants, as often as asked, while queriers ask; every query must be answered right or refused by name.',
  unit: 'kills',
  count: 100,
  overrides: kills => ({ kills, killsEvery: 0.5 })
})
