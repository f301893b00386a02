/** `--replace NAME=VALUE`: what stands in the place of operators that nothing evaluates. */
import type { Replacements } from '@slytherin/engine'
import { InvalidArgumentError } from 'commander'
import { replacements } from '../configuration/schema.js'

/** What `--help` says of the option. */
export const REPLACE_HELP =
  'what stands for operators that nothing evaluates: maxPool=pairs, maxPool=average or fakeQuantization=identity; may be given twice'

/** @throws InvalidArgumentError for an unknown name or value */
export function replacement(text: string, before: Replacements = {}): Replacements {
  const [name = '', value] = text.split('=', 2)
  const parsed = replacements.safeParse({ ...before, [name]: value })
  if (!parsed.success || value === undefined)
    throw new InvalidArgumentError('Give maxPool=pairs, maxPool=average or fakeQuantization=identity.')
  return parsed.data
}
