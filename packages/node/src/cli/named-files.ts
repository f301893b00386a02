/** `--samples FILE`, or `--samples NAME=FILE` for each input of a model with several. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'

/** A file, or one for each input by its name. */
export type NamedFiles = string | Readonly<Record<string, string>>

/** @throws InvalidArgumentError where both forms meet, or a name comes twice */
export function namedFiles(text: string, before?: NamedFiles): NamedFiles {
  const cut = text.indexOf('=')
  const named = cut > 0 && !existsSync(text)
  if (!named) {
    if (before !== undefined) throw new InvalidArgumentError('Give one file, or NAME=FILE for each input.')
    return resolve(text)
  }
  const [name, file] = [text.slice(0, cut), text.slice(cut + 1)]
  if (typeof before === 'string' || (before !== undefined && Object.hasOwn(before, name)))
    throw new InvalidArgumentError('Give one file, or NAME=FILE once for each input.')
  return { ...before, [name]: resolve(file) }
}
