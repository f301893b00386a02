import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs a command to its end. @returns what it wrote @throws Error with everything that it wrote */
export async function run(command, args, cwd) {
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd,
      maxBuffer: 2 ** 26,
      shell: process.platform === 'win32' && command === 'npm'
    })
    return stdout
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`)
  }
}
