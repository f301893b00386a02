import { computeTogether } from './cohort.js'

Object.assign(globalThis, { computeTogether })
