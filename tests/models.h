// SPDX-License-Identifier: Apache-2.0
/* The networks of others in the shared data that are whole float ONNX files, each "models/NAME/model.onnx". */
#ifndef FET_TESTS_MODELS_H
#define FET_TESTS_MODELS_H

#define FET_TEST_MODELS                                                                                                                    \
    "derived-mnv2-035-96", "derived-vww-float", "mnist-cnn", "sinet-portrait", "stm-flowers-mobilenetv2-035", "stm-person-mobilenetv2",    \
        "stm-ssd-mobilenetv1-025", "stm-yamnet-256", "ultraface-rfb-320", "ultraface-rfb-320-simplified", "yunet-n-320"

#endif
