/** What keeps an approximated network from being planned. */
import {
  type ApproximationOptions,
  architectureOf,
  type Calibration,
  KERNEL_COSTS,
  obstacleToPlan,
  type PlanOptions
} from '@slytherin/engine'

/**
 * Why an approximated network has no plan, for whoever chooses degrees. Costs are those that are the same everywhere, so that the plan command and the owner of the model
 * choose the same on every machine.
 */
export function obstacleOf(calibration: Calibration, wishes: PlanOptions): NonNullable<ApproximationOptions['obstacle']> {
  const options = { ...wishes, costModel: KERNEL_COSTS }
  return ({ network }) => obstacleToPlan(architectureOf(network, calibration.ranges(network)), options)
}
