/** Numbers for people. */

/** @param reference whose unit is used: on an axis all figures have that of the largest */
export function seconds(value: number, reference = value): string {
  if (value === 0) return '0 s'
  if (reference >= 1) return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} s`
  return reference >= 0.001 ? `${(1000 * value).toFixed(value >= 0.01 ? 0 : 1)} ms` : `${(1e6 * value).toFixed(0)} µs`
}

/** The same without zeros at the end, for axes. */
export function shortened(text: string): string {
  return text.replace(/(\.\d*?)0+(?= |$)/, '$1').replace(/\.(?= |$)/, '')
}

export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** 10⁻¹² */
export function powerOfTen(exponent: number): string {
  const digits = String(Math.abs(exponent))
  return `10${exponent < 0 ? '⁻' : ''}${[...digits].map(digit => SUPERSCRIPTS[Number(digit)]).join('')}`
}

/** 2¹⁴ */
export const powerOf = (base: number, exponent: number): string => powerOfTen(exponent).replace(/^10/, String(base))

/** 2.5·10⁻³ */
export function small(value: number): string {
  if (value === 0) return '0'
  if (!Number.isFinite(value)) return String(value)
  const exponent = Math.floor(Math.log10(Math.abs(value)))
  if (exponent >= -2 && exponent < 4) return value.toPrecision(3)
  const mantissa = (value / 10 ** exponent).toFixed(1)
  return `${mantissa === '10.0' ? '9.9' : mantissa}·${powerOfTen(exponent)}`
}

/** modelUpload → model upload */
export function words(name: string): string {
  return name.replace(/([A-Z])/g, ' $1').toLowerCase()
}
