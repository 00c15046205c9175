import { describe, expect, it } from 'vitest';
import { RateMeter } from '../../src/shared/rate-meter.ts';

describe('RateMeter', () => {
  it('says nothing before there are two marks', () => {
    expect(new RateMeter().at(5, 10, 0)).toEqual({ perSecond: 0, secondsLeft: undefined });
  });

  it('gives the rate and the time left', () => {
    const meter = new RateMeter();
    meter.at(100, 1000, 5000);
    expect(meter.at(300, 1000, 7000)).toEqual({ perSecond: 100, secondsLeft: 7 });
    expect(meter.at(1000, 1000, 9000).secondsLeft).toBe(0);
  });

  it('ignores progress from an earlier session', () => {
    const meter = new RateMeter();
    meter.at(900, 1000, 0);
    expect(meter.at(910, 1000, 1000).perSecond).toBe(10);
  });

  it('follows a connection that becomes slow, or stalls', () => {
    const meter = new RateMeter();
    for (let s = 0; s <= 20; s++) meter.at(s * 100, 10_000, s * 1000);
    let rate = meter.at(2000, 10_000, 20_000);
    expect(rate.perSecond).toBeCloseTo(100);
    for (let s = 21; s <= 60; s++) rate = meter.at(2000 + s, 10_000, s * 1000);
    expect(rate.perSecond).toBeCloseTo(1);
    for (let s = 61; s <= 90; s++) rate = meter.at(2060, 10_000, s * 1000);
    expect(rate).toEqual({ perSecond: 0, secondsLeft: undefined });
  });

  it('restarts when the count restarts', () => {
    const meter = new RateMeter();
    meter.at(0, 100, 0);
    meter.at(100, 100, 1000);
    expect(meter.at(0, 50, 2000).perSecond).toBe(0);
    expect(meter.at(10, 50, 3000).perSecond).toBe(10);
  });
});
