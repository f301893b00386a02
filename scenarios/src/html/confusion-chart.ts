/** The confusion matrix as a heat map. */
import type { ConfusionMatrix } from '../confusion.js'
import { type Drawing, INK, LINE, MUTED, quietAxis, series } from './drawing.js'

/** Labels down, predictions across; the darker a cell, the larger its share of the row. */
export function confusionChart({ classes, counts }: ConfusionMatrix): Drawing {
  const n = classes.length
  const cell = Math.max(20, Math.min(n < 5 ? 72 : 44, Math.floor(480 / n)))
  const total = counts.flat().reduce((sum, count) => sum + count, 0)
  const right = counts.reduce((sum, row, k) => sum + row[k]!, 0)
  const data = counts.flatMap((row, i) => {
    const own = row.reduce((sum, count) => sum + count, 0)
    return row.flatMap((count, j) => {
      if (count === 0) return []
      const opacity = 0.18 + 0.62 * (count / own)
      return [
        {
          value: [j, i, count],
          itemStyle: { color: i === j ? series(1) : series(6), opacity: i === j ? opacity : Math.max(0.4, opacity) }
        }
      ]
    })
  })
  const axis = {
    ...quietAxis,
    type: 'category',
    data: classes.map(String),
    axisLabel: { color: INK },
    nameLocation: 'middle',
    nameTextStyle: { color: MUTED },
    splitArea: { show: false },
    splitLine: { show: true, lineStyle: { color: LINE } }
  }
  return {
    id: 'confusion',
    title: 'Encrypted predictions against labels',
    description: `Confusion matrix: ${right} of ${total} samples on the diagonal.`,
    width: n * cell + 66,
    height: n * cell + 56,
    option: {
      grid: { left: 52, right: 14, top: 6, bottom: 50 },
      xAxis: { ...axis, name: 'predicted', nameGap: 30 },
      yAxis: { ...axis, name: 'label', inverse: true, nameGap: 32 },
      series: [
        { type: 'scatter', symbol: 'rect', symbolSize: cell - 2, silent: true, label: { show: true, color: INK, formatter: countOf }, data }
      ]
    } as Drawing['option']
  }
}

const countOf = ({ value }: { value: unknown }): string => String((value as readonly number[])[2])
