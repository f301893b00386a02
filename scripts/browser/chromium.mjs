/** A Chromium to test in: the one that CHROMIUM names, the system's, or Debian's package, installed when it is missing. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** Sandboxes need rights that containers do not give; the tests open nothing but this machine's own pages. */
export const FLAGS = ['--no-sandbox']

/** @returns the browser, to be closed by whoever starts it @throws Error as findChromium does */
export async function startChromium() {
  return await chromium.launch({ executablePath: findChromium(), args: FLAGS })
}

/** @returns path of the executable @throws Error that says what to do when there is none and none can be installed */
export function findChromium() {
  const named = process.env['CHROMIUM']
  if (named !== undefined) return named
  const found = () => PLACES.find(path => existsSync(path))
  if (found() === undefined) install()
  return found() ?? fail('apt-get installed nothing that is called chromium')
}

function install() {
  console.log('No Chromium here: apt-get install chromium …')
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    const { status, error } = spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) fail(error?.message ?? `apt-get ${args[0]} ended with code ${status}`)
  }
}

function fail(why) {
  throw new Error(`there is no Chromium to test in (${why}): install one, or name its executable in CHROMIUM`)
}
