/** `slytherin cohort join`, `leave`, `reshare`, `renew`: who holds the keys from now on; and `next`: the keys that follow. */
import { Command } from 'commander'
import type { Streams } from './console.js'
import { ask, finite, list, type PartyOptions, positive, tell, toParty } from './party-socket.js'
import { describeEpochs } from './report-lines.js'

interface SharingOptions extends PartyOptions {
  holders?: string[]
  threshold?: number
  lost?: string[]
}

const THRESHOLD = '-t, --threshold <number>'
const THRESHOLD_IS = 'so many holders must help from then on (default: as now)'

export function sharingCommands(streams: Streams): Command[] {
  const terms = ({ holders, threshold, lost }: SharingOptions): Omit<SharingOptions, keyof PartyOptions> => ({
    ...(holders === undefined ? {} : { holders }),
    ...(threshold === undefined ? {} : { threshold }),
    ...(lost === undefined ? {} : { lost })
  })
  const join = toParty(
    new Command('join')
      .description('Give a holder a share: a new one, or one that has lost its disk. Keys and models stay; given to the evaluator.')
      .argument('<name>', 'cohort')
      .argument('<holder>', 'its name in the roster')
      .option(THRESHOLD, THRESHOLD_IS, positive),
    'slytherin cohort join hospitals d'
  ).action(async (name: string, holder: string, options: SharingOptions) => {
    const report = await ask('cohort.join', { name, holder, ...terms(options) }, options, streams)
    tell(report, options, streams, epoch => describeEpochs([epoch]))
  })
  const leave = toParty(
    new Command('leave')
      .description('Take a holder out: what it has left of its share is of no use any more. Keys and models stay; given to the evaluator.')
      .argument('<name>', 'cohort')
      .argument('<holder>', 'its name in the roster')
      .option(THRESHOLD, THRESHOLD_IS, positive),
    'slytherin cohort leave hospitals c'
  ).action(async (name: string, holder: string, options: SharingOptions) => {
    const report = await ask('cohort.leave', { name, holder, ...terms(options) }, options, streams)
    tell(report, options, streams, epoch => describeEpochs([epoch]))
  })
  const reshare = toParty(
    new Command('reshare')
      .description('Share the keys anew among other holders or with another threshold. Keys and models stay; given to the evaluator.')
      .argument('<name>', 'cohort')
      .option('--holders <parties>', 'who holds them from then on (default: who does now)', list)
      .option('--lost <parties>', 'holders that are up but have lost their share: they deal nothing', list)
      .option(THRESHOLD, THRESHOLD_IS, positive),
    'slytherin cohort reshare hospitals --holders a,b,d,e --threshold 3'
  ).action(async (name: string, options: SharingOptions) => {
    const report = await ask('cohort.reshare', { name, ...terms(options) }, options, streams)
    tell(report, options, streams, epoch => describeEpochs([epoch]))
  })
  const renew = toParty(
    new Command('renew')
      .description(
        'Make new shares of the same keys, so that shares stolen before are of no use with those stolen after; given to the evaluator.'
      )
      .argument('<name>', 'cohort'),
    'slytherin cohort renew hospitals'
  ).action(async (name: string, options: PartyOptions) => {
    tell(await ask('cohort.renew', { name }, options, streams), options, streams, epoch => describeEpochs([epoch]))
  })
  const next = toParty(
    new Command('next')
      .description(
        'Make the keys that follow, with the holders of now, before decryptions or time run out; models that may be moved go to them, with their grants. Given to the evaluator; all holders must be up.'
      )
      .argument('<name>', 'cohort')
      .option('--days <number>', 'how long they live (default: as long as the ones before)', finite),
    'slytherin cohort next hospitals'
  ).action(async (name: string, options: PartyOptions & { days?: number }) => {
    const { days } = options
    const epoch = await ask('cohort.next', { name, ...(days === undefined ? {} : { days }) }, options, streams)
    tell(epoch, options, streams, made => describeEpochs([made]))
  })
  return [join, leave, reshare, renew, next]
}
