// One request and one check: the smallest run that has both.
//
//   k6 run -e BASE_URL=http://127.0.0.1:8080 tiny.js

import http from 'k6/http';
import { check } from 'k6';

const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';

export default function () {
  const res = http.get(`${BASE_URL}/fast`);
  check(res, { 'status is 200': (r) => r.status === 200 });
}
