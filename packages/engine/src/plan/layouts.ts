/** Where the values stand that each step of a plan leaves. */
import type { Layout } from '../packing/layout.js'
import { programOf } from './compiled.js'
import type { Plan } from './plan.js'

/** One layout a step: which feature of the layer's result every position of its blocks holds. */
export const layoutsOf = (plan: Plan): readonly Layout[] => programOf(plan).steps.map(({ layout }) => layout)
