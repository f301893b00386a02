/** What the page's own server says and does: its cohort, samples, and invitations. */
import type { Invitation } from '../querier/messages.js'

/** How bytes of an image become features: (byte · scale - mean) / std. */
export interface Normalisation {
  readonly scale: number
  readonly mean: number
  readonly std: number
}

export interface PageSettings {
  /** For the worker, which checks it. */
  readonly cohort: unknown
  readonly normalisation: Normalisation
  readonly samples: readonly { readonly label: string; readonly pixels: Uint8Array }[]
}

export async function readSettings(): Promise<PageSettings> {
  const response = await fetch('settings.json')
  if (!response.ok) throw new Error(`settings.json: the page's server answers ${response.status}`)
  const { cohort, normalisation, samples } = (await response.json()) as {
    cohort?: unknown
    normalisation?: Partial<Normalisation>
    samples?: { label?: unknown; pixels?: unknown }[]
  }
  const number = (value: unknown, otherwise: number): number => (typeof value === 'number' && Number.isFinite(value) ? value : otherwise)
  const { scale, mean, std } = normalisation ?? {}
  return {
    cohort,
    normalisation: { scale: number(scale, 1 / 255), mean: number(mean, 0), std: number(std, 1) },
    samples: (Array.isArray(samples) ? samples : []).slice(0, 20).map(({ label, pixels }) => ({
      label: String(label),
      pixels: Uint8Array.from(atob(String(pixels)), character => character.charCodeAt(0))
    }))
  }
}

/** The token that came in the address, which it is taken out of. */
export function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? undefined
  if (token !== undefined) history.replaceState(null, '', location.pathname)
  return token
}

/** @throws Error with what the server says */
export async function acceptInvitation(token: string, { peer, signature }: Invitation): Promise<void> {
  const response = await fetch('invitation', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token, peer, signature })
  })
  if (response.ok) return
  const { error } = (await response.json().catch(() => ({}))) as { error?: string }
  throw new Error(error ?? `the page's server answers ${response.status}`)
}
