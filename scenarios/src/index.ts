/** Scenarios as a library: what `npm run scenario` does, for tests and for programs of one's own. */
export { type ClearReference, clearReference, loadReference } from './clear-reference.js'
export { describeMachine, type Machine } from './machine.js'
export { failuresOf, renderReport, type ScenarioReport } from './report.js'
export { PartyFailedError, runScenario, type ScenarioOutcome, type ScenarioRunOptions } from './run-scenario.js'
export { loadScenario, partiesOf, type Scenario, ScenarioFileError, scenarioSchema } from './scenario.js'
