/** libp2p's pieces want a logger; a page has nobody who reads one. */
import type { ComponentLogger, Logger } from '@libp2p/interface'

const nothing = (): void => undefined

const quiet: Logger = Object.assign(nothing, { error: nothing, trace: nothing, enabled: false, newScope: () => quiet }) as unknown as Logger

export const quietLogger: ComponentLogger = { forComponent: () => quiet }
export const quietLog = quiet
