/** Key epochs: who holds the keys, what is left of their budgets. */
import type { VNode } from 'preact'
import type { EpochView } from '../view/keys.js'
import { Budgets, Facts, Section } from './parts.js'

export function Keys({ epochs }: { epochs: readonly EpochView[] }): VNode {
  return (
    <Section id="keys" title="Keys">
      {epochs.length === 0 ? <p class="quiet">No cohort has made keys yet.</p> : null}
      <div class="columns">
        {epochs.map(epoch => (
          <Epoch key={epoch.epoch} epoch={epoch} />
        ))}
      </div>
    </Section>
  )
}

function Epoch({ epoch: { name, state, tone, holders, witnesses, facts, budgets } }: { epoch: EpochView }): VNode {
  return (
    <div class="card">
      <div class="row">
        <h3>{name}</h3>
        <span class={`badge ${tone}`}>{state}</span>
      </div>
      <Presence label="Key holders" parties={holders} />
      {witnesses.length === 0 ? null : <Presence label="Witnesses" parties={witnesses} />}
      <Facts facts={facts} />
      <Budgets budgets={budgets} />
    </div>
  )
}

function Presence({ label, parties }: { label: string; parties: EpochView['holders'] }): VNode {
  return (
    <ul class="presence" aria-label={label}>
      {parties.map(({ name, state }) => (
        <li key={name}>
          {name} <span class={toneOf(state)}>{state}</span>
        </li>
      ))}
    </ul>
  )
}

export function toneOf(state: string): string {
  return state === 'up' || state === 'this party' ? 'good' : state === 'down' ? 'bad' : 'quiet'
}
