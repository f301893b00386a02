/** The page: it polls the party and shows what it says. Read-only: nothing here changes anything at the party. */
import { render, type VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { View } from '../view/view.js'
import { Keys } from './keys.js'
import { Events, Facts, Rows, Section } from './parts.js'
import { Peers } from './peers.js'
import { poll, type Told } from './poll.js'
import { Queries } from './queries.js'

const SECTIONS = { queries: 'Queries', keys: 'Keys', peers: 'Peers', models: 'Models', grants: 'Grants', events: 'Events' }
const MODELS = ['model', 'revision', 'owner', 'published', 'state']
const GRANTS = ['querier', 'issuer', 'models', 'queries', 'decryptions', 'ends', 'state']

function Page(): VNode {
  const [told, setTold] = useState<Told>({})
  const [paused, setPaused] = useState(false)
  useEffect(
    () => (paused ? undefined : poll(news => setTold(before => ({ ...(news.view === undefined ? before : {}), ...news })))),
    [paused]
  )
  const { view, failure } = told
  useEffect(() => {
    if (view !== undefined) document.title = `${view.title} – slytherin`
  }, [view?.title])
  if (view === undefined) {
    return (
      // Of a key of its own: were it the same element, what it becomes would seem to have moved.
      <main key="loading">
        <h1>slytherin</h1>
        <p role="status">{failure ?? 'Asking the party …'}</p>
      </main>
    )
  }
  return (
    <>
      <Header view={view} paused={paused} onPause={() => setPaused(!paused)} />
      <main id="content" tabIndex={-1}>
        {failure === undefined ? null : (
          <p class="notice" role="alert">
            No news since {view.updated}: {failure}.
          </p>
        )}
        {view.missing.map(({ message, remedy }) => (
          <p class="notice" key={message}>
            <strong>Not ready:</strong> {message}. {remedy}
          </p>
        ))}
        <Queries queries={view.queries} queue={view.queue} />
        <Keys epochs={view.epochs} />
        <Peers peers={view.peers} />
        <Section id="models" title="Models">
          <div class="card">
            <Rows caption="Models of these cohorts" heads={MODELS} rows={view.models} wide={['revision', 'published']} />
          </div>
        </Section>
        <Section id="grants" title="Grants">
          <div class="card">
            <Rows caption="Who may ask what, and how often" heads={GRANTS} rows={view.grants} wide={['issuer', 'decryptions', 'ends']} />
          </div>
        </Section>
        <Section id="events" title="Events">
          {view.errors.length === 0 ? null : <Events title="Last errors" events={view.errors} />}
          <Events title="Audit log since the party was started (UTC)" events={view.events} />
        </Section>
        <footer class="quiet">
          Read-only, for this machine alone. The same as JSON: <a href="status.json">status.json</a>
        </footer>
      </main>
    </>
  )
}

function Header({ view, paused, onPause }: { view: View; paused: boolean; onPause: () => void }): VNode {
  const { title, roles, ready, updated, facts, news } = view
  return (
    <header>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <div class="row">
        <h1>{title}</h1>
        <span class="quiet">{roles}</span>
        <span class={`badge ${ready ? 'good' : 'bad'}`}>{ready ? 'ready' : 'not ready'}</span>
        <span class="row end">
          <span class="quiet">
            {updated} UTC{paused ? ', paused' : ''}
          </span>
          <button type="button" aria-pressed={paused} onClick={onPause}>
            Pause
          </button>
        </span>
      </div>
      <Facts facts={facts} />
      <nav aria-label="Sections">
        <ul>
          {Object.entries(SECTIONS).map(([id, name]) => (
            <li key={id}>
              <a href={`#${id}`}>{name}</a>
            </li>
          ))}
        </ul>
      </nav>
      <p class="hidden" role="status">
        {news}
      </p>
    </header>
  )
}

const place = document.getElementById('page')
if (place !== null) {
  place.replaceChildren()
  render(<Page />, place)
}
