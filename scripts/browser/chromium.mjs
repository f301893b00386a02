/** A Chromium to test in: the one that CHROMIUM names, the system's, or Debian's package, installed when it is missing. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
]
/** Sandboxes need rights that containers do not give, whose shared memory is small, too; the tests open nothing but this machine's own pages. */
export const FLAGS = ['--no-sandbox', '--disable-dev-shm-usage']

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
  const [command, ...before] = process.getuid?.() === 0 ? ['apt-get'] : ['sudo', '-n', 'apt-get']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [
    ['update', '-q', '-o', 'Acquire::Retries=3'],
    ['install', '-q', '-y', '--no-install-recommends', '-o', 'Acquire::Retries=3', 'chromium']
  ]) {
    const { status, error } = spawnSync(command, [...before, ...args], { stdio: ['ignore', 'ignore', 'inherit'], env })
    if (status !== 0) fail(error?.message ?? `${[command, ...before, args[0]].join(' ')} ended with code ${status}`)
  }
}

function fail(why) {
  throw new Error(
    `there is no Chromium to test in (${why}): as root "apt-get update && apt-get install -y chromium" installs one on Debian; elsewhere install Chromium or Chrome and name its executable in CHROMIUM`
  )
}
