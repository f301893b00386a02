import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** Tests among many processes, of lost parties, of slow lines and of every ONNX case take minutes: `npm run test:long` runs them, `npm test` all others. */
const LONG = '{packages/*,scenarios}/test/**/*.long.test.ts'
const long = process.env['SLYTHERIN_TESTS'] === 'long'

/** Their files run one after another in a process that has loaded and compiled what they test; it is not loaded anew for every file. */
const SHARING = '{packages/*,scenarios}/test/**/*.test.ts'
/** Those that look at what a whole process does, at what it compiles or loads, at its threads, at its memory, or that put something else in the place of a module. */
const ALONE = [
  'packages/ring/test/{kernel,threads,warm-up}.test.ts',
  'packages/*/test/**/*memory*.test.ts',
  'packages/node/test/{loading,worker-command}.test.ts'
]
/** Bundles the processes that tests start. */
const PROCESSES = 'test/processes.ts'

// Code that a process has compiled is there for the next, for the parties that tests start as processes, too.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url))

export default defineConfig({
  test: {
    setupFiles: ['test/seed.ts'],
    pool: 'forks',
    // Long tests wait more than they compute.
    maxWorkers: long ? 3 : 2,
    // What hangs is ended; what is only slow, on a machine that is busy with other things, is not.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Packages as they are built are loaded as Node does it, not transformed.
    server: { deps: { external: [/\/(packages\/[^/]+|scenarios)\/dist\//] } },
    projects: long
      ? [{ extends: true, test: { name: 'long', include: [LONG], globalSetup: PROCESSES } }]
      : [
          {
            extends: true,
            test: { name: 'sharing', include: [SHARING], exclude: [LONG, ...ALONE], isolate: false, globalSetup: PROCESSES }
          },
          { extends: true, test: { name: 'alone', include: ALONE, exclude: [LONG] } }
        ]
  }
})
