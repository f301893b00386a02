import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'scenarios/test/**/*.test.ts'],
    setupFiles: ['test/seed.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // What hangs is ended; what is only slow, on a machine that is busy with other things, is not.
    testTimeout: 240_000,
    hookTimeout: 240_000
  }
})
