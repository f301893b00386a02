/**
 * Tests with fresh seeds and more runs than the suite has time for.
 *
 *   npm run test:soak                                    three rounds of the tests with properties, ten times as many runs each
 *   npm run test:soak -- --rounds 10 --all --busy 2      the whole suite ten times, two busy loops beside it
 *   npm run test:soak -- --seed 12345 --rounds 1         what a round with this seed found, once more
 */
import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    factor: { type: 'string' },
    seed: { type: 'string' },
    all: { type: 'boolean', default: false },
    busy: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(`npm run test:soak -- [options] [test files]
  --rounds N    how often (default 3)
  --factor N    times as many runs of every property as in the suite (default 10; 1 with --all)
  --seed S      start with this seed instead of a random one
  --all         the whole suite, not only the tests with properties
  --busy N      so many busy loops beside it (default 0)`)
  process.exit(0)
}

const files =
  positionals.length > 0 || values.all
    ? positionals
    : globSync('{packages/*,scenarios}/test/**/*.test.ts').filter(file => /from 'fast-check'/.test(readFileSync(file, 'utf8')))
const factor = values.factor ?? (values.all ? '1' : '10')
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const busy = Array.from({ length: Number(values.busy) }, () => spawn(process.execPath, ['--eval', 'for (;;) {}']))
const failed = []
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    const seed = values.seed !== undefined ? Number(values.seed) + round : randomInt(2 ** 31)
    console.log(`round ${round + 1} of ${values.rounds}: seed ${seed}, factor ${factor}`)
    const env = { ...process.env, SLYTHERIN_SEED: String(seed), SLYTHERIN_SOAK_FACTOR: factor }
    const { status } = spawnSync(process.execPath, [vitest, 'run', '--reporter=dot', ...files], { stdio: 'inherit', env })
    if (status !== 0) failed.push(seed)
  }
} finally {
  for (const loop of busy) loop.kill('SIGKILL')
}
console.log(
  failed.length === 0
    ? `${values.rounds} rounds passed`
    : `failed with seed ${failed.join(', ')}: npm run test:soak -- --rounds 1 --factor ${factor}${values.all ? ' --all' : ''} --seed SEED`
)
process.exitCode = failed.length === 0 ? 0 : 1
