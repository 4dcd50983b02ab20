// A few seconds of requests, for tests of what happens around them.
//
// DURATION (1s) is how long it lasts, LIMIT a number of requests that a threshold allows. SUMMARY names
// a file for k6's end-of-test summary as JSON.

import http from 'k6/http';
import { check, sleep } from 'k6';
import { Counter } from 'k6/metrics';

const rounds = new Counter('rounds');

export const options = {
  vus: 2,
  duration: __ENV.DURATION || '1s',
  thresholds: __ENV.LIMIT ? { http_reqs: [`count<=${__ENV.LIMIT}`] } : {},
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(95)', 'count'],
};

export default function () {
  const res = http.get(`${__ENV.BASE_URL}/fast`, { tags: { name: 'fast', kind: 'x' } });
  check(res, { 'is 200': (r) => r.status === 200 });
  rounds.add(1);
  sleep(0.05);
}

export function handleSummary(data) {
  return __ENV.SUMMARY ? { [__ENV.SUMMARY]: JSON.stringify(data) } : {};
}
