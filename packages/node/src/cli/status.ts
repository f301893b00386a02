/** `slytherin status`: what a running party says of itself. */
import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import type { Streams } from './console.js'
import { ask, finite, type PartyOptions, tell, toParty } from './party-socket.js'
import { describeStatus } from './report-lines.js'

interface Options extends PartyOptions {
  watch?: boolean
  seconds: number
}

export function statusCommand(streams: Streams): Command {
  return toParty(
    new Command('status')
      .description('What a running party says of itself: peers, epochs, models, grants, queue, budgets, last errors.')
      .option('-w, --watch', 'again and again, until it is interrupted')
      .option('--seconds <number>', 'how often with --watch', finite, 2),
    'slytherin status --watch'
  ).action(async (options: Options) => {
    for (;;) {
      const status = await ask('status', {}, options, streams)
      if (options.watch === true && streams.terminal && options.json !== true) streams.out('\u001b[H\u001b[2J')
      tell(status, options, streams, describeStatus)
      if (options.watch !== true) return
      await setTimeout(Math.max(100, options.seconds * 1000))
    }
  })
}
