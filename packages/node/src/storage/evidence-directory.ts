/** Finding the session that is meant in directories of evidence. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EvidenceFileError } from './errors.js'
import { recordsFile } from './evidence-format.js'
import { sessionsIn } from './evidence-store.js'

/**
 * @param given directories with sessions, or of one session
 * @param session the beginning of its id; the latest of the first directory when not given
 * @returns one directory for each
 * @throws EvidenceFileError when there is no such session
 */
export async function findEvidence(given: readonly string[], session?: string): Promise<string[]> {
  let wanted = session
  const found: string[] = []
  for (const directory of given) {
    if ((await stat(recordsFile(directory)).catch(() => undefined)) !== undefined) {
      found.push(directory)
      continue
    }
    const sessions = (await sessionsIn(directory)).map(({ name }) => name)
    const chosen = sessions.find(name => wanted === undefined || name.startsWith(wanted))
    if (chosen === undefined) {
      const there =
        sessions.length === 0
          ? 'There is none; a party keeps evidence in its state directory, under "evidence".'
          : `There is: ${sessions.join(', ')}.`
      throw new EvidenceFileError(directory, wanted === undefined ? 'it has no session' : `it has no session ${wanted}`, there)
    }
    wanted ??= chosen
    found.push(join(directory, chosen))
  }
  return found
}
