// A short load that ends as ENDING says: passed, crossed (a threshold), submetric (one on a part of a
// metric), abortOnFail, setup (which throws), fail (by the script's own verdict) or abort.
//
// DURATION (2s) is how long it lasts if nothing ends it. SUMMARY names a file for k6's end-of-test
// summary as JSON.

import exec from 'k6/execution';
import http from 'k6/http';
import { check, group, sleep } from 'k6';
import { Gauge, Trend } from 'k6/metrics';

const ENDING = __ENV.ENDING || 'passed';
const DURATION = __ENV.DURATION || '2s';
const LATE = 20; // iterations before a script ends its test

const weight = new Trend('weight');
const level = new Gauge('level');

const thresholds = {
  http_req_duration: ['p(95)<60000', 'avg<60000', 'max<60000'],
  'http_req_duration{name:home}': ['p(90)<60000', 'min>=0'],
  http_req_failed: ['rate<0.9'],
  http_reqs: ['count>0', 'rate>0'],
  checks: ['rate>0.1'],
  iterations: ['count>0'],
  dropped_iterations: ['count>=0'],
  weight: ['med>0', 'p(99.9)<100'],
  level: ['value>0'],
};
switch (ENDING) {
  case 'crossed':
    thresholds.http_req_failed.push('rate<0.001');
    break;
  case 'submetric':
    thresholds['http_req_duration{name:home}'].push('p(95)<0.001');
    break;
  case 'abortOnFail':
    thresholds.http_reqs.push({ threshold: 'count<5', abortOnFail: true });
    break;
}

export const options = {
  scenarios: {
    browse: { executor: 'constant-vus', exec: 'browse', vus: 2, duration: DURATION, gracefulStop: '1s' },
    // Five iterations a second are possible, twenty are asked for: the others are dropped.
    overload: {
      executor: 'constant-arrival-rate', exec: 'overload', gracefulStop: '1s',
      rate: 20, duration: DURATION, preAllocatedVUs: 1, maxVUs: 1,
    },
  },
  thresholds,
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'count'],
};

export function setup() {
  http.get(`${__ENV.BASE_URL}/fast`, { tags: { name: 'prepare' } });
  if (ENDING === 'setup') {
    throw new Error('the shop is closed');
  }
}

export function browse() {
  const n = exec.scenario.iterationInTest;
  group('home', () => {
    const res = http.get(`${__ENV.BASE_URL}/fast`, { tags: { name: 'home' } });
    check(res, { 'is 200': (r) => r.status === 200, 'every third fails': () => n % 3 > 0 });
  });
  http.get(`${__ENV.BASE_URL}/status/${n % 5 === 0 ? 404 : 200}`, { tags: { name: 'status' } });
  weight.add(1 + (n % 50));
  level.add(n + 1);
  if (n === LATE && ENDING === 'fail') {
    exec.test.fail('not as it should be');
  }
  if (n === LATE && ENDING === 'abort') {
    exec.test.abort('enough is enough');
  }
  sleep(0.02);
}

export function overload() {
  sleep(0.2);
}

export function handleSummary(data) {
  return __ENV.SUMMARY ? { [__ENV.SUMMARY]: JSON.stringify(data) } : {};
}
