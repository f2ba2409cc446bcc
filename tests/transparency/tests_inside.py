"""unittest.main, with a failure, an error, a skip and an expected failure."""
import unittest


class Cases(unittest.TestCase):
    def setUp(self):
        self.values = [1]

    def test_passes(self):
        self.assertEqual(self.values, [1])

    def test_fails(self):
        self.values[0] += 1
        self.assertEqual(self.values, [1], "unequal")

    def test_error(self):
        self.values.missing

    @unittest.skip("not now")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

    def test_subtests(self):
        for i in range(2):
            with self.subTest(i=i):
                self.assertEqual(i, 0)

    def test_raises(self):
        with self.assertRaisesRegex(ValueError, "x") as caught:
            int("x")
        with self.assertWarns(UserWarning), self.assertLogs() as logged:
            __import__("warnings").warn("w")
            __import__("logging").info("l")
        print(caught.exception, logged.output)


if __name__ == "__main__":
    unittest.main(verbosity=0, argv=["program"], testRunner=unittest.TextTestRunner(stream=open("results.txt", "w"), verbosity=2), exit=False)
    import re
    print(re.sub(r"in [\d.]+s", "in Xs", open("results.txt").read()))
    unittest.main(argv=["program", "Cases.test_passes", "-q"])
