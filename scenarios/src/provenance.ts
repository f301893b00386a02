/** What a report was made with: which release of slytherin, which commit, and which model file, by its hash. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { VERSION } from '@slytherin/node'
import { execa } from 'execa'

export interface Provenance {
  /** Release of the packages. */
  version: string
  /** Of the sources; absent where they are not a clone, but installed. */
  commit?: string
  /** Whether the sources differ from that commit. */
  modified?: boolean
  /** SHA-256 of the model file, hexadecimal, without tensors that lie beside it. */
  modelHash: string
}

/** @param model path of the ONNX file */
export async function provenanceOf(model: string): Promise<Provenance> {
  const modelHash = createHash('sha256')
    .update(await readFile(model))
    .digest('hex')
  return { version: VERSION, ...(await commitOf()), modelHash }
}

async function commitOf(): Promise<Pick<Provenance, 'commit' | 'modified'>> {
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  const git = async (...words: string[]): Promise<string> => (await execa('git', words, { cwd })).stdout
  try {
    // a copy below a clone of something else is none of ours
    await git('ls-files', '--error-unmatch', '../package.json')
    return { commit: await git('rev-parse', 'HEAD'), modified: (await git('status', '--porcelain', '--untracked-files=no')) !== '' }
  } catch {
    return {}
  }
}
