/** The suite tries the same random inputs every time, so that a failure means that something is broken. `npm run test:soak` sets fresh seeds and prints them. */
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['SLYTHERIN_SEED'] ?? 20230500690) | 0 })
