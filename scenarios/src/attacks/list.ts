/** Every attack that there is, by layer. */
import type { Attack } from './attack.js'
import { craftedRefresh } from './crafted-refresh.js'
import { craftedRefreshWholeKey } from './crafted-refresh-whole-key.js'
import { craftedSwitch } from './crafted-switch.js'
import { deletedLedger } from './deleted-ledger.js'
import { forgedRoundOne } from './forged-round-one.js'
import { oversizedInput } from './oversized-input.js'
import { probingModelOwner } from './probing-model-owner.js'
import { probingQuerier } from './probing-querier.js'
import { refreshOverflow } from './refresh-overflow.js'
import { roguePublicKey } from './rogue-public-key.js'
import { soleKeyEvaluator } from './sole-key-evaluator.js'
import { steeredInput } from './steered-input.js'
import { steeredRefresh } from './steered-refresh.js'
import { understatedSensitivities } from './understated-sensitivities.js'

export const ATTACKS: readonly Attack[] = [
  roguePublicKey,
  forgedRoundOne,
  soleKeyEvaluator,
  craftedRefreshWholeKey,
  craftedRefresh,
  craftedSwitch,
  probingQuerier,
  probingModelOwner,
  steeredRefresh,
  steeredInput,
  oversizedInput,
  deletedLedger,
  refreshOverflow,
  understatedSensitivities
]
