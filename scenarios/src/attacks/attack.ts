/** What an attack is: mounted whole against parties as they ship, and once more with the one layer off that closes it, so that it is known to bite. */

export interface AttackOptions {
  /** False switches off what stops this attack, by an option that no configuration and no command line reaches. */
  readonly layerOn: boolean
  /** Parties talk over libp2p on loopback, not by memory. */
  readonly sockets: boolean
}

export interface AttackOutcome {
  /** Whether the attacker got what it was after. */
  readonly succeeded: boolean
  /** What it got, or what stopped it. */
  readonly detail: string
}

export interface Attack {
  readonly name: string
  /** What closes it; undefined where nothing does yet: a known limit, mounted so that it stays known. */
  readonly layer: string | undefined
  /** What the detail says where the layer, and nothing else, has stopped it. */
  readonly stoppedBy?: RegExp
  /** What the detail says without the layer, where something else has come to stop it, too. */
  readonly alsoStoppedBy?: RegExp
  /** Whether it is mounted among parties that talk: by memory, or over sockets. */
  readonly networked?: boolean
  /** Whether it takes seconds, and so runs in the suite. */
  readonly fast?: boolean
  mount(options: AttackOptions): Promise<AttackOutcome>
}
