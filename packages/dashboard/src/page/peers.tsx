/** The others of the roster, as this party sees them. */
import type { VNode } from 'preact'
import type { PeerView } from '../view/view.js'
import { toneOf } from './keys.js'
import { Section, Table } from './parts.js'

export function Peers({ peers }: { peers: readonly PeerView[] }): VNode {
  return (
    <Section id="peers" title="Peers">
      <div class="card">
        <Table caption="Parties of the roster; bytes since this party was started">
          <thead>
            <tr>
              <th scope="col">name</th>
              <th scope="col">state</th>
              <th scope="col" class="wide">
                roles
              </th>
              <th scope="col" class="wide">
                version
              </th>
              <th scope="col" class="number wide">
                clock
              </th>
              <th scope="col" class="number">
                sent
              </th>
              <th scope="col" class="number">
                received
              </th>
            </tr>
          </thead>
          <tbody>
            {peers.map(({ name, roles, state, software, clock, sent, received }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class={toneOf(state)}>{state}</td>
                <td class="wide">{roles}</td>
                <td class="wide">{software}</td>
                <td class="number wide">{clock}</td>
                <td class="number">{sent}</td>
                <td class="number">{received}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      </div>
    </Section>
  )
}
