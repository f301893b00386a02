/** Queries: each one's way through its phases, and its layers. */
import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { LayerView } from '../view/layers.js'
import type { PhaseView } from '../view/phases.js'
import type { QueryView } from '../view/queries.js'
import type { View } from '../view/view.js'
import { Budgets, Facts, Section, Table } from './parts.js'

export function Queries({ queries, queue }: Pick<View, 'queries' | 'queue'>): VNode {
  return (
    <Section id="queries" title="Queries">
      {queue === undefined ? null : (
        <div class="card">
          <h3>Queue</h3>
          <Facts facts={queue.states} />
          <Budgets budgets={queue.budgets} />
        </div>
      )}
      {queries.length === 0 ? <p class="quiet">None since the party was started.</p> : null}
      {queries.map((query, at) => (
        <Query key={query.query} query={query} first={at === 0} />
      ))}
    </Section>
  )
}

function Query({ query, first }: { query: QueryView; first: boolean }): VNode {
  // Open at first where it is the newest; afterwards as whoever looks has it.
  const [open] = useState(first)
  const { name, about, state, tone, phases, progress, facts, layers } = query
  return (
    <details class="card" open={open} data-query={query.query}>
      <summary>
        <strong>{name}</strong> <span class="quiet">{about}</span>
        <span class={`badge ${tone}`}>{state}</span>
      </summary>
      <Phases phases={phases} />
      {progress === undefined ? null : (
        <p>
          <span class="quiet">{progress.text}</span>
          {progress.total === 0 ? null : <progress aria-label={`Progress of ${name}`} value={progress.done} max={progress.total} />}
        </p>
      )}
      <Facts facts={facts} />
      {layers.length === 0 ? null : <Layers caption={`Layers of ${name}`} layers={layers} />}
    </details>
  )
}

const STATES = { past: 'done', present: 'now', 'to come': 'to come', failed: 'ended' } as const

function Phases({ phases }: { phases: readonly PhaseView[] }): VNode {
  return (
    <ol class="phases" aria-label="Phases">
      {phases.map(({ label, state, note }, at) => (
        <li key={`${at} ${label}`} class={state.replace(' ', '-')} aria-current={state === 'present' ? 'step' : undefined}>
          {label}
          <small class="quiet">{note === '' ? STATES[state] : note}</small>
        </li>
      ))}
    </ol>
  )
}

function Layers({ caption, layers }: { caption: string; layers: readonly LayerView[] }): VNode {
  return (
    <Table caption={caption}>
      <thead>
        <tr>
          <th scope="col">layer</th>
          <th scope="col" class="wide">
            step
          </th>
          <th scope="col" class="number">
            time
          </th>
          <td class="bar" />
          <th scope="col" class="number">
            level
          </th>
          <th scope="col" class="number">
            error
          </th>
          <th scope="col" class="number">
            bytes
          </th>
        </tr>
      </thead>
      <tbody>
        {layers.map(({ key, layer, kind, seconds, length, level, error, bytes }) => (
          <tr key={key}>
            <th scope="row">{layer}</th>
            <td class="wide">{kind}</td>
            <td class="number">{seconds}</td>
            <td class="bar" aria-hidden="true">
              <div style={{ width: `${(length * 100).toFixed(1)}%` }} />
            </td>
            <td class="number">{level}</td>
            <td class="number">{error}</td>
            <td class="number">{bytes}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  )
}
