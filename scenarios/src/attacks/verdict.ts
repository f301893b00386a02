/** What mounting an attack twice says of the layer that closes it. */
import type { Attack } from './attack.js'

export interface Verdict {
  readonly attack: string
  readonly layer: string
  /** With everything as it ships: it did not succeed, and it was this layer that stopped it. */
  readonly blocked: boolean
  /** Without the layer: the attack is known to bite. */
  readonly succeedsWithoutLayer: boolean
  readonly details: { readonly withLayer: string; readonly withoutLayer: string }
}

export async function judge(attack: Attack): Promise<Verdict> {
  const withLayer = await attack.mount({ layerOn: true })
  const withoutLayer = await attack.mount({ layerOn: false })
  return {
    attack: attack.name,
    layer: attack.layer,
    blocked: !withLayer.succeeded && attack.stoppedBy.test(withLayer.detail),
    succeedsWithoutLayer: withoutLayer.succeeded,
    details: { withLayer: withLayer.detail, withoutLayer: withoutLayer.detail }
  }
}
