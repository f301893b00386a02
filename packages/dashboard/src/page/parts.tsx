/** What several sections are made of. */
import type { ComponentChildren, VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { EventView } from '../view/events.js'
import type { BudgetView } from '../view/keys.js'
import type { Fact } from '../view/queries.js'
import type { RowView } from '../view/view.js'

export function Section({ id, title, children }: { id: string; title: string; children: ComponentChildren }): VNode {
  return (
    <section aria-labelledby={id}>
      <h2 id={id} tabIndex={-1}>
        {title}
      </h2>
      {children}
    </section>
  )
}

export function Facts({ facts }: { facts: readonly Fact[] }): VNode | null {
  if (facts.length === 0) return null
  return (
    <dl class="facts">
      {facts.map(({ label, value }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

export function Budgets({ budgets }: { budgets: readonly BudgetView[] }): VNode {
  return (
    <>
      {budgets.map(({ label, used, limit, text }) => (
        <p key={label}>
          <span class="row">
            <span>{label}</span>
            <span class="quiet">{text}</span>
          </span>
          <meter aria-label={label} min={0} max={limit} high={limit * 0.8} optimum={0} value={used}>
            {text}
          </meter>
        </p>
      ))}
    </>
  )
}

/** A table that scrolls sideways where it has to, by keyboard as well. */
export function Table({ caption, children }: { caption: string; children: ComponentChildren }): VNode {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="table" aria-label={caption} tabIndex={0}>
      <table>
        <caption>{caption}</caption>
        {children}
      </table>
    </section>
  )
}

/** @param wide columns that there is no room for on a narrow page */
export function Rows({
  caption,
  heads,
  rows,
  wide
}: {
  caption: string
  heads: readonly string[]
  rows: readonly RowView[]
  wide: readonly string[]
}): VNode {
  const classOf = (head: string | undefined): string => (head !== undefined && wide.includes(head) ? 'wide' : '')
  return (
    <Table caption={caption}>
      <thead>
        <tr>
          {heads.map(head => (
            <th scope="col" key={head} class={classOf(head)}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, cells: [first, ...others] }) => (
          <tr key={key}>
            <th scope="row">{first}</th>
            {others.map((cell, at) => (
              <td key={heads[at + 1]} class={classOf(heads[at + 1])}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </Table>
  )
}

/** Of events, before somebody wants to see all. */
const FIRST = 20

export function Events({ title, events }: { title: string; events: readonly EventView[] }): VNode {
  const [all, setAll] = useState(false)
  return (
    <div class="card">
      <h3>{title}</h3>
      <ul class="events">
        {(all ? events : events.slice(0, FIRST)).map(({ key, time, title: event, details, tone }) => (
          <li key={key}>
            <time class="quiet">{time}</time>
            <strong class={tone}>{event}</strong>
            <span>{details}</span>
          </li>
        ))}
      </ul>
      {events.length <= FIRST ? null : (
        <button type="button" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${events.length}`}
        </button>
      )}
    </div>
  )
}
