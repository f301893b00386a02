/** What mounting an attack twice says of the layer that closes it; once, where none does. */
import type { Attack } from './attack.js'

export interface Verdict {
  readonly attack: string
  /** Null for a known limit. */
  readonly layer: string | null
  /** With everything as it ships: it did not succeed, and it was this layer that stopped it. */
  readonly blocked: boolean
  /** Without the layer, or where there is none: the attack is known to bite. */
  readonly succeedsWithoutLayer: boolean
  /** Without the layer something else stops it, which is named with the attack. */
  readonly stoppedTwice?: true
  /** Over libp2p on loopback, or by memory; attacks that need no network say neither. */
  readonly network?: 'sockets' | 'memory'
  readonly seconds: number
  readonly details: { readonly withLayer: string; readonly withoutLayer: string }
}

export async function judge(attack: Attack, { sockets = false }: { readonly sockets?: boolean } = {}): Promise<Verdict> {
  const start = performance.now()
  const withLayer = await attack.mount({ layerOn: true, sockets })
  const withoutLayer = attack.layer === undefined ? withLayer : await attack.mount({ layerOn: false, sockets })
  return {
    attack: attack.name,
    layer: attack.layer ?? null,
    blocked: !withLayer.succeeded && attack.stoppedBy?.test(withLayer.detail) === true,
    succeedsWithoutLayer: withoutLayer.succeeded,
    ...(!withoutLayer.succeeded && attack.alsoStoppedBy?.test(withoutLayer.detail) ? { stoppedTwice: true as const } : {}),
    ...(attack.networked ? { network: sockets ? ('sockets' as const) : ('memory' as const) } : {}),
    seconds: (performance.now() - start) / 1000,
    details: { withLayer: withLayer.detail, withoutLayer: withoutLayer.detail }
  }
}
