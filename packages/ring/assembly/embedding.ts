// Slots to coefficients: the inverse of the canonical embedding (src/numbers/embedding-tables.ts) in doubles. The operations, and their order, are those of the transform in
// packages/ckks/src/fourier.ts, without a multiply-add: every build gives the same integers.
//
// Tables, n entries each, one after the other:
//
//   order      u32  byte offset of the slot that lies at a place
//   sign       f64  of its imaginary part, there
//   roots      f64  at half + j: exp(2πi·j/(2·half)), j < half, for every half from 1 to n/2; real parts, then imaginary ones
//   twist      f64  exp(πi·j/N); real parts, then imaginary ones

/** The first two stages of four places, from slots. */
function firstStages(to: usize, imaginaryTo: usize, a: f64, b: f64, c: f64, d: f64, p: f64, q: f64, r: f64, s: f64): void {
  const x0 = a + b, x1 = a - b, x2 = c + d, x3 = c - d, y0 = p + q, y1 = p - q, y2 = r + s, y3 = r - s
  store<f64>(to, x0 + x2)
  store<f64>(to, x1 + y3, 8)
  store<f64>(to, x0 - x2, 16)
  store<f64>(to, x1 - y3, 24)
  store<f64>(imaginaryTo, y0 + y2)
  store<f64>(imaginaryTo, y1 - x3, 8)
  store<f64>(imaginaryTo, y0 - y2, 16)
  store<f64>(imaginaryTo, y1 + x3, 24)
}

@inline function slot(values: usize, order: usize): f64 { return load<f64>(values + <usize>load<u32>(order)) }

/** One stage: places `half` apart, the second times the conjugate of a root. `im` is the distance of imaginary parts from real ones. */
function stage(work: usize, im: usize, roots: usize, rootsImaginary: usize, n: usize, half: usize): void {
  const apart = half << 3
  for (let start = work, end = work + (n << 3); start < end; start += 2 * apart) {
    for (let a = start, last = start + apart, w = roots + apart; a < last; a += 16, w += 16) {
      const b = a + apart, wr = v128.load(w), wi = v128.load(w + rootsImaginary - roots)
      const cr = v128.load(b), ci = v128.load(b + im), ar = v128.load(a), ai = v128.load(a + im)
      const br = f64x2.add(f64x2.mul(cr, wr), f64x2.mul(ci, wi)), bi = f64x2.sub(f64x2.mul(ci, wr), f64x2.mul(cr, wi))
      v128.store(a, f64x2.add(ar, br))
      v128.store(a + im, f64x2.add(ai, bi))
      v128.store(b, f64x2.sub(ar, br))
      v128.store(b + im, f64x2.sub(ai, bi))
    }
  }
}

/** Two stages at once, those of `half` and 2·`half`. */
function twoStages(work: usize, im: usize, roots: usize, rootsImaginary: usize, n: usize, half: usize): void {
  const apart = half << 3, toImaginary = rootsImaginary - roots
  for (let start = work, end = work + (n << 3); start < end; start += 4 * apart) {
    for (let a = start, last = start + apart, w = roots + apart; a < last; a += 16, w += 16) {
      const b = a + apart, c = b + apart, d = c + apart, v = w + apart, u = v + apart
      const wr = v128.load(w), wi = v128.load(w + toImaginary)
      let xr = v128.load(b), xi = v128.load(b + im), yr = v128.load(a), yi = v128.load(a + im)
      let tr = f64x2.add(f64x2.mul(xr, wr), f64x2.mul(xi, wi)), ti = f64x2.sub(f64x2.mul(xi, wr), f64x2.mul(xr, wi))
      const ar = f64x2.add(yr, tr), ai = f64x2.add(yi, ti), br = f64x2.sub(yr, tr), bi = f64x2.sub(yi, ti)
      xr = v128.load(d), xi = v128.load(d + im), yr = v128.load(c), yi = v128.load(c + im)
      tr = f64x2.add(f64x2.mul(xr, wr), f64x2.mul(xi, wi)), ti = f64x2.sub(f64x2.mul(xi, wr), f64x2.mul(xr, wi))
      const cr = f64x2.add(yr, tr), ci = f64x2.add(yi, ti), dr = f64x2.sub(yr, tr), di = f64x2.sub(yi, ti)
      const vr = v128.load(v), vi = v128.load(v + toImaginary), ur = v128.load(u), ui = v128.load(u + toImaginary)
      tr = f64x2.add(f64x2.mul(cr, vr), f64x2.mul(ci, vi)), ti = f64x2.sub(f64x2.mul(ci, vr), f64x2.mul(cr, vi))
      v128.store(a, f64x2.add(ar, tr))
      v128.store(a + im, f64x2.add(ai, ti))
      v128.store(c, f64x2.sub(ar, tr))
      v128.store(c + im, f64x2.sub(ai, ti))
      tr = f64x2.add(f64x2.mul(dr, ur), f64x2.mul(di, ui)), ti = f64x2.sub(f64x2.mul(di, ur), f64x2.mul(dr, ui))
      v128.store(b, f64x2.add(br, tr))
      v128.store(b + im, f64x2.add(bi, ti))
      v128.store(d, f64x2.sub(br, tr))
      v128.store(d + im, f64x2.sub(bi, ti))
    }
  }
}

/** The nearest integer, halves upwards, of any double. */
@inline function nearest(a: v128): v128 {
  const above = f64x2.ceil(a)
  return f64x2.sub(above, v128.and(f64x2.gt(f64x2.sub(above, f64x2.splat(0.5)), a), f64x2.splat(1.0)))
}

/**
 * N = 2·n coefficients, rounded, of the polynomial that has the values at `real` + i·`imaginary` in its slots, times `factor`·n.
 *
 * out: N doubles; may be `real`, with `imaginary` behind it. imaginary: 0 for none. work: 2·n + 32 doubles, after which the largest |coefficient| is the first one.
 */
export function interpolateSlots(out: usize, real: usize, imaginary: usize, work: usize, tables: usize, n: usize, factor: f64): void {
  const im = (n + 16) << 3, sign = tables + (n << 2), roots = sign + (n << 3), rootsImaginary = roots + (n << 3)
  const twist = rootsImaginary + (n << 3), twistImaginary = twist + (n << 3)
  for (let p: usize = 0, order = tables, to = work, s = sign; p < n; p += 4, order += 16, to += 32, s += 32) {
    const a = slot(real, order), b = slot(real, order + 4), c = slot(real, order + 8), d = slot(real, order + 12)
    if (imaginary == 0) firstStages(to, to + im, a, b, c, d, 0, 0, 0, 0)
    else {
      const e = slot(imaginary, order) * load<f64>(s), f = slot(imaginary, order + 4) * load<f64>(s, 8)
      const g = slot(imaginary, order + 8) * load<f64>(s, 16), h = slot(imaginary, order + 12) * load<f64>(s, 24)
      firstStages(to, to + im, a, b, c, d, e, f, g, h)
    }
  }
  let half: usize = 4
  if ((ctz(n) & 1) == 1) {
    stage(work, im, roots, rootsImaginary, n, half)
    half = 8
  }
  for (; half < n; half <<= 2) twoStages(work, im, roots, rootsImaginary, n, half)
  const F = f64x2.splat(factor), toImaginary = twistImaginary - twist, upper = n << 3
  let largest = f64x2.splat(0)
  for (let at = work, end = work + (n << 3), t = twist, to = out; at < end; at += 16, t += 16, to += 16) {
    const x = v128.load(at), y = v128.load(at + im), c = v128.load(t), s = v128.load(t + toImaginary)
    const low = nearest(f64x2.mul(f64x2.add(f64x2.mul(x, c), f64x2.mul(y, s)), F))
    const high = nearest(f64x2.mul(f64x2.sub(f64x2.mul(y, c), f64x2.mul(x, s)), F))
    v128.store(to, low)
    v128.store(to + upper, high)
    largest = f64x2.max(largest, f64x2.max(f64x2.abs(low), f64x2.abs(high)))
  }
  store<f64>(work, max(f64x2.extract_lane(largest, 0), f64x2.extract_lane(largest, 1)))
}
