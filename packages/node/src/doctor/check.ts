/** What the doctor finds: a line a check, with what to do. */

export interface Check {
  /** What was looked at: `node`, `identity`, `reach a`. */
  readonly check: string
  /** `failed`: the party will not do its work like this; `warning`: it will, for now; `skipped`: it cannot be told from here. */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly message: string
  readonly remedy?: string
}

export const ok = (check: string, message: string): Check => ({ check, state: 'ok', message })
export const failed = (check: string, message: string, remedy: string): Check => ({ check, state: 'failed', message, remedy })
export const warning = (check: string, message: string, remedy: string): Check => ({ check, state: 'warning', message, remedy })
export const skipped = (check: string, message: string): Check => ({ check, state: 'skipped', message })

/** An error's own words; those of this project say what to do. */
export function failedBy(check: string, error: unknown): Check {
  const { message } = error as Error
  const { remedy } = error as { readonly remedy?: unknown }
  if (typeof remedy !== 'string') return failed(check, message, 'See the message.')
  return failed(check, message.replace(` ${remedy}`, '').replace(/\.$/, ''), remedy)
}
