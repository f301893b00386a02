/** Models that move where witnesses follow: each makes the moved parts itself, of shares that holders have proved. */
import { decodeCall, encodeCall, identify, MOVE_COPY_FETCH, type MoveCryptography, RELEASE } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { altered } from './support/lying.js'
import { errorOf } from './support/small-model.js'
import { movedFrom, until } from './support/whole-service.js'
import { witnessed } from './support/witnessed.js'

const SAMPLES = realSamples(2)
const soon = () => AbortSignal.timeout(60_000)

test('the next keys take a model along, and its queries are endorsed; a part that is not what comes of the shares is refused by name', async () => {
  let lies = false
  const { service, epoch, release, grant, known, endorsements } = await witnessed(['witness'], {
    publish: { movable: true },
    cryptography: (self, real) => {
      if (self !== 'evaluator') return real
      const lying = (move: MoveCryptography): MoveCryptography =>
        altered<MoveCryptography>(move, {
          // Under the new key it is an encryption of something else: holders sign for their shares alone.
          combine: async (index, part, shares) => await move.combine(index, part, lies ? [shares[0]!, shares[0]!] : shares)
        })
      return altered(real, {
        openEpoch: async terms => {
          const opened = await real.openEpoch(terms)
          return altered(opened, {
            releases: async () => {
              const releases = await opened.releases()
              return altered(releases, { openMove: async of => lying(await releases.openMove(of)) })
            }
          })
        }
      })
    }
  })
  const given = await grant('querier')
  await known('querier', given)
  await service.stop('owner')
  let garbled = 0
  // Something else than was asked for, once: it is asked for again.
  service.network.setFault(({ direction, from, bytes }) => {
    if (direction !== 'response' || from !== 'evaluator' || garbled > 0) return undefined
    const { kind, head, blobs } = decodeCall(bytes, from)
    if (kind !== MOVE_COPY_FETCH.kind) return undefined
    garbled++
    const share = blobs[0]!.slice()
    share[share.length - 1]! ^= 1
    return encodeCall(kind, head, [share])
  })
  const { document: next } = await service.node('evaluator').nextEpoch(epoch, soon())
  const moved = await movedFrom(service, release, 'querier')
  const identifier = identify(RELEASE, moved.document)
  const ask = async (): Promise<number> => {
    const { logits } = await service.node('querier').client.ask(identifier, SAMPLES, { grant: given, signal: soon() })
    return errorOf(SAMPLES, logits)
  }
  expect(await ask()).toBeLessThan(0.01)
  expect(endorsements('witness')).toBe(2)
  expect(garbled).toBe(1)
  expect(service.errors).toContainEqual(expect.stringMatching(/witness: .*evaluator.*blob/))
  // What it has made is kept: started again it asks nobody for it.
  await service.restart('witness')
  expect(await ask()).toBeLessThan(0.01)

  lies = true
  await service.node('evaluator').nextEpoch(next.sharing.epoch, soon())
  const wrong = identify(RELEASE, (await movedFrom(service, identifier, 'witness')).document)
  await until(
    () => service.errors.some(error => /witness: .*evaluator.*parts\[0\].*holders' shares/.test(error)),
    'the witness refuses the parts'
  )
  expect(
    service
      .node('witness')
      .witness!.releases.list()
      .find(one => one.release === wrong)
  ).toMatchObject({ state: 'keys' })
})
