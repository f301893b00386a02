/** A party's cryptography in a service, in this thread: one kernel, any number of epochs. */
import { envelopePublicKey } from '@slytherin/mhe'
import { type Kernel, type KernelVariant, loadKernel, randomSeed, warmUp } from '@slytherin/ring'
import { toHex } from '../../base/digest.js'
import { SessionStateError } from '../../local/open-session.js'
import type { EpochCryptography, OpenEpochTerms, ServiceCryptography } from '../cryptography/service.js'
import { LocalEpoch, type LocalEpochOptions } from './epoch.js'

/** What a party's cryptography in a service is given. */
export interface LocalServiceOptions extends Omit<LocalEpochOptions, 'kernel' | 'onDisposed' | 'takeReceiverKey'> {
  /** Build of the WebAssembly kernel; `auto` (the default) is the fastest that this machine runs. */
  readonly kernelVariant?: KernelVariant | 'auto'
  /** Threads that share an operation; 1 when not given. */
  readonly threads?: number | 'auto'
  /** Have the engine compile the kernel's functions well before the first is needed. */
  readonly warmUp?: boolean
}

const MAXIMUM_RECEIVER_KEYS = 64

/** A party's cryptography in a service, in the calling thread; the node package runs it in a worker. */
export class LocalServiceCryptography implements ServiceCryptography {
  readonly #options: LocalServiceOptions
  readonly #kernel: Kernel
  readonly #open = new Set<LocalEpoch>()
  /** Private halves, by the public ones, until their round opens. */
  readonly #receiverKeys = new Map<string, Uint8Array>()

  private constructor(options: LocalServiceOptions, kernel: Kernel) {
    this.#options = options
    this.#kernel = kernel
  }

  /** Loads the kernel and starts its threads; `dispose` ends them. */
  static async create(options: LocalServiceOptions): Promise<LocalServiceCryptography> {
    const kernel = await loadKernel({ variant: options.kernelVariant ?? 'auto', threads: options.threads ?? 1 })
    if (options.warmUp === true) await warmUp(kernel)
    return new LocalServiceCryptography(options, kernel)
  }

  async receiverKey(): Promise<Uint8Array> {
    const privateKey = randomSeed()
    const publicKey = await envelopePublicKey(privateKey)
    if (this.#receiverKeys.size >= MAXIMUM_RECEIVER_KEYS) {
      const [oldest, key] = [...this.#receiverKeys][0]!
      key.fill(0)
      this.#receiverKeys.delete(oldest)
    }
    this.#receiverKeys.set(toHex(publicKey), privateKey)
    return publicKey
  }

  async openEpoch(terms: OpenEpochTerms): Promise<EpochCryptography> {
    const epoch: LocalEpoch = await LocalEpoch.open(terms, {
      ...this.#options,
      kernel: this.#kernel,
      takeReceiverKey: publicKey => this.#takeReceiverKey(publicKey),
      onDisposed: () => this.#open.delete(epoch)
    })
    this.#open.add(epoch)
    return epoch
  }

  /** Closes every epoch, wipes keys of rounds that were not opened, and ends the kernel's threads. */
  async dispose(): Promise<void> {
    for (const epoch of [...this.#open]) await epoch.dispose()
    for (const key of this.#receiverKeys.values()) key.fill(0)
    this.#receiverKeys.clear()
    await this.#kernel.dispose()
  }

  #takeReceiverKey(publicKey: Uint8Array): Uint8Array {
    const name = toHex(publicKey)
    const key = this.#receiverKeys.get(name)
    if (key === undefined) throw new SessionStateError('the key of this party in the round is none that it has made for one')
    this.#receiverKeys.delete(name)
    return key
  }
}
