import os
import signal
import threading

import pytest

from impasto.machine.interruption import deferred_signals


def test_a_signal_waits_until_the_end_of_a_block():
    reached = []
    with pytest.raises(KeyboardInterrupt), deferred_signals():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(True)
    assert reached == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_every_handler_is_called_for_its_signal_after_the_block():
    called = []
    handlers = {
        number: signal.signal(number, lambda n, _: called.append(n)) for number in (signal.SIGUSR1, signal.SIGALRM)
    }
    try:
        with deferred_signals():
            os.kill(os.getpid(), signal.SIGALRM)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert called == []
        assert called == [signal.SIGALRM, signal.SIGUSR1]
        os.kill(os.getpid(), signal.SIGUSR1)
        assert called[2:] == [signal.SIGUSR1]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_an_exception_in_a_block_comes_out_and_handlers_return():
    with pytest.raises(ZeroDivisionError), deferred_signals():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_nothing_is_changed():
    handlers = []

    def work():
        with deferred_signals():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
