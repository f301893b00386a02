import { defineConfig } from 'vitest/config'

/** Tests among many processes, of lost parties, of slow lines and of every ONNX case take minutes: `npm run test:long` runs them, `npm test` all others. */
const LONG = '{packages/*,scenarios}/test/**/*.long.test.ts'
const long = process.env['SLYTHERIN_TESTS'] === 'long'

export default defineConfig({
  test: {
    include: long ? [LONG] : ['{packages/*,scenarios}/test/**/*.test.ts'],
    exclude: long ? [] : [LONG],
    setupFiles: ['test/seed.ts'],
    pool: 'forks',
    // Long tests wait more than they compute.
    maxWorkers: long ? 3 : 2,
    // What hangs is ended; what is only slow, on a machine that is busy with other things, is not.
    testTimeout: 240_000,
    hookTimeout: 240_000
  }
})
